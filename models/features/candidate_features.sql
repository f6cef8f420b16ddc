{{ config(**wide_view()) }}

-- A view: its readers stream one prediction week each, and writing hundreds of floats a row would cost more than joining them.
{{ candidate_features(ref('candidates'), ['candidate_source']) }}

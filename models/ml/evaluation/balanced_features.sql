{{ config(**wide_view()) }}

-- The pairs of the balanced sample with the features that candidates are scored by.
{{ candidate_features(ref('balanced_pairs'), ['was_bought', 'is_held_out_customer']) }}

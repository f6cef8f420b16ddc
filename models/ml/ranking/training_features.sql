{{ config(**wide_view()) }}

-- What the classifier reads: the examples with the same features that candidates are scored by.
{{ candidate_features(ref('training_examples'), ['was_bought', 'example_weight']) }}

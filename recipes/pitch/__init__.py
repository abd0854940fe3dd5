"""Recipe of the f0 estimator of live conversion."""

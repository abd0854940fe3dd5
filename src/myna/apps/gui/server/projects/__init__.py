"""Response models of the voices in training: states of the steps, recordings, plan, checkpoints and comparison."""

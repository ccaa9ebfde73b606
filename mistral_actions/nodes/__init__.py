"""The actions of `recovery.node`: steps of a Senlin recovery chain."""

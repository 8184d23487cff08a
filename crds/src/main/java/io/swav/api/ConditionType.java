package io.swav.api;

/** The conditions of a SwavJob; docs/runbook.md says of each what it means and what to do. */
public enum ConditionType {
    Ready,
    Reconciling,
    Stalled,
    Running,
    Resizing,
    Suspended,
    DataReady,
    Complete,
    Failed,
    CheckpointsSaved,
    CheckpointExceedsNotice,
    WeightsNotKept
}

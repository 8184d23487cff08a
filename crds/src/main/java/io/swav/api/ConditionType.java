package io.swav.api;

/** The conditions of a SwavJob; docs/runbook.md states what each means and what to do about it. */
public enum ConditionType {
    Ready,
    Reconciling,
    Stalled,
    Running,
    Resizing,
    Suspended,
    Admitted,
    DataReady,
    Complete,
    Failed,
    CheckpointsSaved,
    CheckpointExceedsNotice,
    WeightsNotKept,
    DoubtfulSettings,
    // what keeps a job from learning, see Diagnosis
    NothingLearned,
    Collapsed,
    DeadPrototypes,
    Diverging,
    FrozenTooLong,
    TooManyPrototypes,
    StarvedByData
}

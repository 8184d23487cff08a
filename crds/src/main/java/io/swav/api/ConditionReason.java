package io.swav.api;

/** The reasons of conditions; the operator writes no others. docs/runbook.md explains each. */
public enum ConditionReason {
    // phases
    Pending,
    Running,
    Resizing,
    Holding,
    Suspended,
    Complete,
    Failed,
    Invalid,
    Deleting,
    RollingOut,
    // queues
    Queued,
    Admitted,
    Evicted,
    // what blocks the job
    Stalled,
    InvalidSpec,
    PodRefused,
    PodCannotStart,
    OrphanedPods,
    RolloutStalled,
    HandshakeLost,
    HandshakeChanged,
    NameTaken,
    GangUnavailable,
    QueueUnavailable,
    TrainersDisagree,
    WorldUnreadable,
    ObjectTooLarge,
    ApiError,
    ReportsBlocked,
    // how a job failed
    NoData,
    TrainerRefused,
    TooManyFailures,
    DeadlineExceeded,
    NotFinite,
    // what has not happened, or data that was opened
    Moving,
    Waiting,
    NotYet,
    NotFailed,
    NotOpened,
    Opened,
    // checkpoints
    Saved,
    SaveFailed,
    CannotResume,
    InTime,
    TooSlow,
    NoCheckpointUri,
    // learning
    Diagnosed,
    Passed,
    Doubtful
}

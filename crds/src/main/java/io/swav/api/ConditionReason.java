package io.swav.api;

/** Why a condition is what it is: no other words are written. docs/runbook.md explains each. */
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
    // what is in the way
    Stalled,
    InvalidSpec,
    NotAvailable,
    PodRefused,
    PodCannotStart,
    HandshakeLost,
    WorldUnreadable,
    ApiError,
    // how a job failed
    NoData,
    TrainerRefused,
    TooManyFailures,
    // what has not happened
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
    NoCheckpointUri
}

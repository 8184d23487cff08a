package io.swav.api;

/**
 * What keeps a job from learning; each is a condition of this name, which is True while it holds. docs/learning.md has the
 * thresholds and the runs that they rest on.
 */
public enum Diagnosis {
    /** The loss is still near ln K, after warm-up and freeze. */
    NothingLearned,
    /** All images have nearly the same embedding or the same prediction. */
    Collapsed,
    /** Most prototypes are no image's best. */
    DeadPrototypes,
    /** The loss has risen above ln K, or far above its least value. */
    Diverging,
    /** Prototypes are frozen for all, or most, of the steps. */
    FrozenTooLong,
    /** A global batch has too few crops for so many prototypes. */
    TooManyPrototypes,
    /** Steps wait for images. */
    StarvedByData
}

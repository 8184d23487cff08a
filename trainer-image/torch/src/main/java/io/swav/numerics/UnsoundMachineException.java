package io.swav.numerics;

/** This machine computes wrong results; the message states what failed, on which machine, and what to do. */
@SuppressWarnings("serial")
public final class UnsoundMachineException extends RuntimeException {
    public UnsoundMachineException(Verdict.Unsound verdict) {
        super(verdict.explanation());
    }
}

package io.swav.numerics;

/** This machine computes wrong; the message says what, where, and what to do. */
@SuppressWarnings("serial")
public final class UnsoundMachineException extends RuntimeException {
    public UnsoundMachineException(Verdict.Unsound verdict) {
        super(verdict.explanation());
    }
}

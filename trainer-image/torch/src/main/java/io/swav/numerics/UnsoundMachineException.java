package io.swav.numerics;

import io.swav.api.ExitCodes;
import io.swav.api.TrainerExitException;

/** This machine computes wrong results; the message states what failed, on which machine, and what to do. */
@SuppressWarnings("serial")
public final class UnsoundMachineException extends TrainerExitException {
    public UnsoundMachineException(Verdict.Unsound verdict) {
        super(ExitCodes.CONFIG, verdict.explanation());
    }
}

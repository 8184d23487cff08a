package io.swav.evaluation;

import io.swav.api.TrainerExitException;

/** An evaluation that cannot be carried out; the message is for the user. */
@SuppressWarnings("serial")
public final class EvalException extends TrainerExitException {
    EvalException(int exitCode, String message) {
        super(exitCode, message);
    }
}

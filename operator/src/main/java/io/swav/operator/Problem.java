package io.swav.operator;

import io.swav.api.ConditionReason;

/**
 * Why the present spec of a job is not acted on.
 *
 * @param reason of the condition Stalled
 * @param message for people; names the field
 */
record Problem(ConditionReason reason, String message) {

    static Problem invalid(String message) {
        return new Problem(ConditionReason.InvalidSpec, message);
    }
}

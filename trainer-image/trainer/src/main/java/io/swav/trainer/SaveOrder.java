package io.swav.trainer;

import io.swav.checkpoint.CheckpointState;
import io.swav.checkpoint.UploadShare;

/**
 * A state to save, or a share of rank 0's save to write.
 *
 * @param export whether the backbone is exported, too
 * @param request the checkpoint request that this save answers, empty for none
 */
record SaveOrder(CheckpointState state, boolean export, String request, UploadShare share) {
    String name() {
        return "checkpoint of step " + state.step();
    }

    /** Returns the order for a state that also answers {@code earlier}, unless it answers a request of its own. */
    SaveOrder answering(String earlier) {
        return new SaveOrder(state.answering(request.isEmpty() ? earlier : request), export, request, share);
    }
}

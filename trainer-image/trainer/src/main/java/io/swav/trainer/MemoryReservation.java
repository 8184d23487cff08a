package io.swav.trainer;

import static io.swav.trainer.MemoryLimits.megabytes;

import io.swav.api.ExitCodes;
import io.swav.api.TrainerExitException;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.data.CropBatches;
import io.swav.torch.DirectMemory;
import io.swav.torch.HostMemory;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks and reserves the memory that a trainer needs later, before it is Ready: a limit that is too low ends a trainer that
 * has done nothing yet, with a sentence, instead of one that has trained for days.
 *
 * @param copyBytes of the copy of model and optimizer that checkpoints are written from, 0 if none are
 * @param cropBytes that the least number of prepared groups still needs
 * @param cropsDirect whether these are direct buffers
 * @param heapBytes that the store needs to write a checkpoint
 */
record MemoryReservation(long copyBytes, long cropBytes, boolean cropsDirect, long heapBytes) {
    private static final Logger LOG = LoggerFactory.getLogger(MemoryReservation.class);
    /** Direct memory of connections and of reading files. */
    private static final long DIRECT_REST = 16L << 20;
    /** Heap of everything but the store: libraries, the decoded images of a small job. */
    private static final long HEAP_REST = 32L << 20;

    /**
     * Makes the reservation for a trainer that has warmed up.
     *
     * @param copy empty if there is no store
     * @param components whose crops and store need memory
     * @throws TrainerExitException naming the limit to raise, and by how much
     */
    static void make(Optional<SaveBuffers> copy, TrainerComponents components) {
        CropBatches batches = components.batches();
        MemoryReservation needs = new MemoryReservation(
                copy.map(SaveBuffers::bytes).orElse(0L),
                batches.leastBytes(),
                batches.inDirectMemory(),
                components.store().map(CheckpointCatalog::heapBytes).orElse(0L));
        needs.require(
                DirectMemory.now(),
                new HostMemory(Path.of("/")),
                Runtime.getRuntime().maxMemory());
        try {
            copy.ifPresent(SaveBuffers::reserve);
        } catch (OutOfMemoryError e) {
            throw new TrainerExitException(
                    ExitCodes.CONFIG,
                    "cannot reserve " + megabytes(needs.copyBytes) + " for the copy that checkpoints are written from: "
                            + MemoryLimits.describe(e),
                    e);
        }
        // training may resume from a checkpoint at any step, and reads it beside the copy and the groups
        batches.limitAhead(Math.max(needs.cropBytes, DirectMemory.now().free() - needs.copyBytes - DIRECT_REST));
    }

    /**
     * Requires that the limits leave room for the needs.
     *
     * @param heapLimit to which the heap may grow, bytes
     * @throws TrainerExitException naming the limit to raise, and by how much
     */
    void require(DirectMemory direct, HostMemory host, long heapLimit) {
        requireDirect(direct);
        requireHeap(heapLimit);
        requireContainer(host);
    }

    /** A checkpoint that is resumed from lies beside the copy, and beside the groups if a step was not finite. */
    private long directBytes() {
        return 2 * copyBytes + (cropsDirect ? cropBytes : 0) + DIRECT_REST;
    }

    private void requireDirect(DirectMemory direct) {
        long missing = directBytes() - direct.free();
        if (missing > 0) {
            throw refusal("the JVM's limit of direct memory is " + megabytes(direct.limit()) + ", of which "
                    + megabytes(direct.used()) + " are used, but " + megabytes(directBytes()) + " more are needed ("
                    + purposes() + "). Raise it by at least " + megabytes(missing) + ", to "
                    + megabytes(direct.limit() + missing) + ": " + MemoryLimits.raiseDirect(direct));
        }
    }

    private void requireHeap(long heapLimit) {
        long missing = heapBytes == 0 ? 0 : heapBytes + HEAP_REST - heapLimit;
        if (missing > 0) {
            throw refusal("the Java heap may grow to " + megabytes(heapLimit) + ", but " + megabytes(heapBytes)
                    + " are needed for uploads of checkpoints, and " + megabytes(HEAP_REST)
                    + " for everything else. Raise it by at least " + megabytes(missing) + ", to "
                    + megabytes(heapLimit + missing) + ": " + MemoryLimits.POD
                    + ", or set -Xmx in JAVA_TOOL_OPTIONS of its env");
        }
    }

    private void requireContainer(HostMemory host) {
        long needed = 2 * copyBytes + cropBytes;
        OptionalLong limit = host.limit();
        long missing = needed - host.unclaimed().orElse(Long.MAX_VALUE);
        if (limit.isPresent() && missing > 0) {
            throw refusal("the container's memory limit is " + megabytes(limit.getAsLong()) + ", of which "
                    + megabytes(host.unclaimed().orElse(0)) + " are free, but " + megabytes(needed)
                    + " more are needed (" + purposes() + "). Raise the container's resources.limits.memory in"
                    + " spec.template by at least " + megabytes(missing) + ", to "
                    + megabytes(limit.getAsLong() + missing));
        }
        if (needed > host.available().orElse(Long.MAX_VALUE)) {
            LOG.warn(
                    "this machine has {} of memory available, {} more are needed ({}): it may swap, or the kernel may end"
                            + " this trainer. Stop other programs, or request memory in the pod (resources.requests.memory)",
                    megabytes(host.available().getAsLong()),
                    megabytes(needed),
                    purposes());
        }
    }

    private String purposes() {
        String crops = megabytes(cropBytes) + " for crops";
        return copyBytes == 0
                ? crops
                : megabytes(copyBytes) + " for the copy that checkpoints are written from, as much to read one, "
                        + crops;
    }

    private static TrainerExitException refusal(String why) {
        return new TrainerExitException(ExitCodes.CONFIG, "there is not enough memory to train: " + why);
    }
}

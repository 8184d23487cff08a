package io.swav.trainer;

import ai.djl.ndarray.NDManager;
import io.swav.api.SwavJobSpec;
import io.swav.checkpoint.StoreLease;
import io.swav.data.CropBatches;
import io.swav.data.IndexHome;
import io.swav.model.TrainStep;
import java.util.List;

/** Opens the parts that a job trains with. */
public interface TrainingFactory {
    /**
     * Loads the compute library and checks that it computes correctly, with the job's threads and precision.
     *
     * @return the fingerprint of the bits that this machine computes
     * @throws io.swav.numerics.UnsoundMachineException if this machine computes wrong
     */
    String checkKernels(SwavJobSpec spec);

    /**
     * Opens the job's data.
     *
     * @param homes where its index may be kept, if not beside the data
     */
    CropBatches batches(SwavJobSpec spec, List<IndexHome> homes);

    /**
     * Creates the model with its seeded initial weights.
     *
     * @throws IllegalArgumentException if the spec asks for something that this trainer does not support
     */
    TrainStep machine(SwavJobSpec spec, NDManager root, TrainingSchedule schedule);

    /** Returns how long a training waits for signs of life of another one in its store. */
    default StoreLease.Timing leaseTiming() {
        return StoreLease.Timing.STANDARD;
    }
}

package io.swav.trainer;

import ai.djl.ndarray.NDManager;
import io.swav.api.SwavJobSpec;
import io.swav.data.CropBatches;

/** Opens what a job trains with. */
interface TrainingFactory {
    /**
     * Loads what computes and makes sure that it computes right, with the threads and in the precision of the job.
     *
     * @throws io.swav.numerics.UnsoundMachineException when this machine does not
     */
    void checkKernels(SwavJobSpec spec);

    /** The data of the job. */
    CropBatches batches(SwavJobSpec spec);

    /**
     * The model with its seeded start.
     *
     * @throws IllegalArgumentException when the spec asks for what this trainer does not have
     */
    TrainStep machine(SwavJobSpec spec, NDManager root, long stepsPerEpoch);
}

package io.swav.train;

import ai.djl.ndarray.NDManager;
import io.swav.api.SwavJobSpec;
import io.swav.data.CropBatches;
import io.swav.data.PrefetchingBatches;
import io.swav.numerics.Numerics;
import io.swav.swav.Learner;
import io.swav.swav.LearningRate;
import io.swav.swav.StepSettings;
import io.swav.tensor.Precision;
import io.swav.tensor.TorchRuntime;
import java.util.EnumSet;

/** SwAV on the job's data. */
final class SwavTrainingFactory implements TrainingFactory {
    @Override
    public void checkKernels(SwavJobSpec spec) {
        TorchRuntime.setThreads(spec.training().threads());
        Numerics.require(EnumSet.of(Precision.FP32, StepSettings.of(spec).precision()));
    }

    @Override
    public CropBatches batches(SwavJobSpec spec) {
        return PrefetchingBatches.open(spec);
    }

    @Override
    public LearnerMachine machine(SwavJobSpec spec, NDManager root, long stepsPerEpoch) {
        SwavJobSpec.Training training = spec.training();
        LearningRate rate = LearningRate.of(training.optimizer(), stepsPerEpoch, training.epochs() * stepsPerEpoch);
        return new LearnerMachine(new Learner(spec, root), rate);
    }
}

package io.swav.train;

import ai.djl.ndarray.NDManager;
import io.swav.api.SwavJobSpec;
import io.swav.data.Batches;
import io.swav.data.ShardBatches;
import io.swav.numerics.Numerics;
import io.swav.swav.Learner;
import io.swav.swav.LearningRate;
import io.swav.swav.Settings;
import io.swav.tensor.Precision;
import io.swav.tensor.Torch;
import java.util.EnumSet;

/** SwAV on the job's data. */
final class SwavWorkshop implements Workshop {
    @Override
    public void checkKernels(SwavJobSpec spec) {
        Torch.setThreads(spec.training().threads());
        Numerics.require(EnumSet.of(Precision.FP32, Settings.of(spec).precision()));
    }

    @Override
    public Batches batches(SwavJobSpec spec) {
        return ShardBatches.open(spec);
    }

    @Override
    public LearnerMachine machine(SwavJobSpec spec, NDManager root, long stepsPerEpoch) {
        SwavJobSpec.Training training = spec.training();
        LearningRate rate = LearningRate.of(training.optimizer(), stepsPerEpoch, training.epochs() * stepsPerEpoch);
        return new LearnerMachine(new Learner(spec, root), rate);
    }
}

package io.swav.trainer;

import ai.djl.ndarray.NDManager;
import io.swav.api.SwavJobSpec;
import io.swav.data.CropBatches;
import io.swav.data.IndexHome;
import io.swav.data.PrefetchingBatches;
import io.swav.model.Learner;
import io.swav.model.StepSettings;
import io.swav.numerics.Numerics;
import io.swav.torch.Precision;
import io.swav.torch.TorchRuntime;
import java.util.EnumSet;
import java.util.List;

/** Opens SwAV on the job's data. */
public final class SwavTrainingFactory implements TrainingFactory {
    @Override
    public String checkKernels(SwavJobSpec spec) {
        TorchRuntime.setThreads(spec.training().threads());
        return Numerics.require(EnumSet.of(Precision.FP32, StepSettings.of(spec).precision()));
    }

    @Override
    public CropBatches batches(SwavJobSpec spec, List<IndexHome> homes) {
        return PrefetchingBatches.open(spec, homes);
    }

    @Override
    public Learner machine(SwavJobSpec spec, NDManager root, TrainingSchedule schedule) {
        return new Learner(spec, schedule::rateAt, root);
    }
}

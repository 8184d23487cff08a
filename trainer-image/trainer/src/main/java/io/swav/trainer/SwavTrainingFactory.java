package io.swav.trainer;

import ai.djl.ndarray.NDManager;
import io.swav.api.AssignmentSpec;
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
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens SwAV on the job's data. */
public final class SwavTrainingFactory implements TrainingFactory {
    private static final Logger LOG = LoggerFactory.getLogger(SwavTrainingFactory.class);

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
        logQueue(spec);
        return new Learner(spec, schedule::rateAt, schedule::epochAt, root);
    }

    private static void logQueue(SwavJobSpec spec) {
        AssignmentSpec.Queue queue = spec.assignment().queue();
        if (queue == null) {
            return;
        }
        int batch = spec.training().globalBatch();
        int length = queue.length() / batch * batch;
        LOG.info("the queue keeps {} features of each assigned crop from epoch {} on", length, queue.fromEpoch());
        if (length < queue.length()) {
            LOG.warn(
                    "assignment.queue.length {} is rounded down to {}, a multiple of training.globalBatch {}",
                    queue.length(),
                    length,
                    batch);
        }
    }
}

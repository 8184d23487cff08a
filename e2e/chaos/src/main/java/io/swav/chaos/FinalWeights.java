package io.swav.chaos;

import ai.djl.ndarray.types.DataType;
import io.swav.checkpoint.Checkpoint;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.HostTensor;
import io.swav.checkpoint.Store;
import io.swav.local.LocalClusterException;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.NoSuchFileException;
import java.util.Map;

/** The model and optimizer state of the checkpoint that ends a run. */
record FinalWeights(Map<String, HostTensor> model, Map<String, HostTensor> optimizer) {

    /**
     * Reads the checkpoint that ends a run, every byte of it verified.
     *
     * @param checkpoints the store of the run, which this closes
     * @param steps of the whole run
     */
    static FinalWeights of(Store checkpoints, long steps) {
        String last = checkpoints.uri() + "/step-" + steps;
        try (CheckpointCatalog catalog = new CheckpointCatalog(checkpoints, new CheckpointCatalog.Owner("", ""), 1)) {
            Checkpoint saved = catalog.load(steps);
            return new FinalWeights(saved.model(), saved.optimizer());
        } catch (NoSuchFileException e) {
            throw new LocalClusterException(
                    "the run ended without its last checkpoint, so its weights cannot be compared: " + last
                            + " is missing",
                    e);
        } catch (IOException e) {
            throw new LocalClusterException("cannot read the checkpoint " + last + ": " + e.getMessage(), e);
        }
    }

    StormJudge.Weights against(FinalWeights baseline) {
        return new StormJudge.Weights(
                same(model, baseline.model) && same(optimizer, baseline.optimizer), relativeL2(baseline.model));
    }

    private static boolean same(Map<String, HostTensor> here, Map<String, HostTensor> there) {
        return here.keySet().equals(there.keySet())
                && here.entrySet().stream().allMatch(e -> {
                    HostTensor other = there.get(e.getKey());
                    return other != null
                            && e.getValue().type() == other.type()
                            && e.getValue().shape().equals(other.shape())
                            && e.getValue()
                                    .bytes()
                                    .duplicate()
                                    .clear()
                                    .equals(other.bytes().duplicate().clear());
                });
    }

    private double relativeL2(Map<String, HostTensor> baseline) {
        double difference = 0;
        double norm = 0;
        for (Map.Entry<String, HostTensor> entry : baseline.entrySet()) {
            HostTensor other = model.get(entry.getKey());
            if (entry.getValue().type() != DataType.FLOAT32 || other == null) {
                continue;
            }
            FloatBuffer there = floats(entry.getValue());
            FloatBuffer here = floats(other);
            for (int i = 0; i < there.limit(); i++) {
                double d = (double) here.get(i) - there.get(i);
                difference += d * d;
                norm += (double) there.get(i) * there.get(i);
            }
        }
        return Math.sqrt(difference) / Math.sqrt(norm);
    }

    private static FloatBuffer floats(HostTensor tensor) {
        return tensor.bytes().duplicate().clear().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    }
}

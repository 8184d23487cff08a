package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.api.DataLedger;
import io.swav.api.SwavJobSpec;
import io.swav.checkpoint.StoreLease;
import io.swav.data.CropBatches;
import io.swav.data.DataFingerprint;
import io.swav.data.DataSet;
import io.swav.data.IndexHome;
import io.swav.data.Inventory;
import io.swav.model.TrainStep;
import io.swav.torch.TorchRuntime;
import java.time.Duration;
import java.util.List;
import picocli.CommandLine;

/** Opens the parts of the train command with a {@link ToyMachine}; the process tests start {@link #main}. */
final class ToyTrainingFactory implements TrainingFactory {
    @Override
    public String checkKernels(SwavJobSpec spec) {
        TorchRuntime.start(); // a toy model adds and multiplies
        return System.getProperty("toy.numerics", "0000000000000000");
    }

    public static void main(String[] arguments) {
        MemoryHog.startIfAsked();
        System.exit(new CommandLine(new TrainCommand(new ToyTrainingFactory(), System.getenv())).execute(arguments));
    }

    @Override
    public CropBatches batches(SwavJobSpec spec, List<IndexHome> homes) {
        return new ToyBatches(spec.training().globalBatch());
    }

    @Override
    public TrainStep machine(SwavJobSpec spec, NDManager root, TrainingSchedule schedule) {
        return new ToyMachine(root, spec.training().seed(), spec.training().groups(), schedule::rateAt);
    }

    /** A test waits for the patience, so it is short; nothing waits for the silence. */
    @Override
    public StoreLease.Timing leaseTiming() {
        return new StoreLease.Timing(
                Duration.ofSeconds(1), Duration.ofSeconds(60), Duration.ofSeconds(6), Duration.ofSeconds(1));
    }

    private static final class ToyBatches implements CropBatches {
        private final int globalBatch;

        ToyBatches(int globalBatch) {
            this.globalBatch = globalBatch;
        }

        @Override
        public DataSet data() {
            throw new UnsupportedOperationException("the toy has no images");
        }

        @Override
        public long samples() {
            return 1000;
        }

        @Override
        public DataFingerprint fingerprint() {
            return new DataFingerprint(Long.getLong("toy.samples", samples()), "0123456789abcdef");
        }

        @Override
        public Inventory inventory() {
            return new Inventory(
                    Inventory.Layout.OneFolder, samples(), 0, 0, samples(), samples(), List.of(), List.of());
        }

        @Override
        public List<String> classNames() {
            return List.of();
        }

        /** An epoch has ten steps. */
        @Override
        public DataLedger ledger() {
            return DataLedger.of(10L * globalBatch, "0123456789abcdef");
        }

        @Override
        public long skipped() {
            return 0;
        }

        @Override
        public List<NDArray> group(NDManager manager, long step, int group) {
            return List.of(manager.full(new Shape(1), step * .37f + group));
        }

        @Override
        public long[] samples(long step, int group) {
            return new long[] {step % 10 * 100 + group};
        }

        @Override
        public String name(long sample) {
            return "toy-" + sample + ".png";
        }

        @Override
        public void expect(long step, int fromGroup, int toGroup) {}

        @Override
        public void close() {}
    }
}

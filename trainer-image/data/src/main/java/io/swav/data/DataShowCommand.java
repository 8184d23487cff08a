package io.swav.data;

import io.swav.api.CropSpec;
import io.swav.api.DataSpec;
import io.swav.api.TrainingSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code swav data show}. */
@Command(
        name = "show",
        description = "Writes a PNG: each row shows an image of the data set and its crops as training sees them.",
        mixinStandardHelpOptions = true)
public final class DataShowCommand implements Callable<Integer> {
    /** The maximum of training.augmentation.jitterStrength. */
    private static final double MAX_STRENGTH = 2;

    @Parameters(paramLabel = "DATA", description = "Folder or URI of the data set.")
    private String data = "";

    @Option(names = "--out", paramLabel = "PNG", description = "File to write (default: ${DEFAULT-VALUE}).")
    private Path out = Path.of("crops.png");

    @Option(names = "--rows", description = "Number of images, one per row (default: ${DEFAULT-VALUE}).")
    private int rows = 10;

    @Option(names = "--large", description = "Side of the two large crops (default: ${DEFAULT-VALUE}).")
    private int large = 32;

    @Option(names = "--small", description = "Side of the small crops (default: ${DEFAULT-VALUE}).")
    private int small = 20;

    @Option(names = "--strength", description = "Strength of the color jitter (default: ${DEFAULT-VALUE}).")
    private double strength = 1;

    @Option(
            names = "--exif-orientation",
            paramLabel = "Ignore|Apply",
            description = "As data.exifOrientation of the job (default: ${DEFAULT-VALUE}).")
    private DataSpec.ExifOrientation orientation = DataSpec.ExifOrientation.Ignore;

    @Option(names = "--seed", description = "Random seed of the crops (default: ${DEFAULT-VALUE}).")
    private long seed = 31;

    @Override
    public Integer call() throws IOException {
        if (!(strength >= 0 && strength <= MAX_STRENGTH)) { // NaN is neither
            throw DataException.badData("--strength is " + strength + ", must be from 0 to " + MAX_STRENGTH);
        }
        List<CropSpec> crops = List.of(new CropSpec(2, large, 0.14, 1.0), new CropSpec(4, small, 0.05, 0.14));
        ContactSheet sheet = new ContactSheet(
                crops, new TrainingSpec.Augmentation(strength, 0.8, 0.2, 0.5), orientation, rows, large);
        try (DataSet set = DataSet.open(data)) {
            ImageCodec.write(sheet.of(set, seed), out);
        }
        System.out.println(out.toAbsolutePath());
        return 0;
    }
}

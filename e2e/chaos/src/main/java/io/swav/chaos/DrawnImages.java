package io.swav.chaos;

import io.swav.data.DataSynthCommand;
import io.swav.local.LocalControlPlane;
import io.swav.local.PrivateFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Generates images of textured shapes in ten classes, in folders {@code train} and {@code test}, for runs without real data. */
public final class DrawnImages {
    private static final int SAMPLES = 4000;

    private DrawnImages() {}

    /** Returns {@code <home>/data}; generates the images if the folder does not exist. */
    public static Path in(Path home) {
        Path folder = home.resolve("data");
        if (!Files.isDirectory(folder)) {
            System.err.println("generating " + SAMPLES + " images ...");
            Path unfinished = home.resolve("data.new");
            LocalControlPlane.deleteTree(unfinished);
            try {
                if (!Files.exists(home)) {
                    PrivateFiles.folder(home);
                }
                DataSynthCommand.synthesize(unfinished, SAMPLES, 10, 32, 31);
                Files.move(unfinished, folder);
            } catch (IOException e) {
                throw new UncheckedIOException("cannot generate images in " + folder, e);
            }
        }
        return folder;
    }
}

package io.swav.cli;

import io.swav.data.DataCommand;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Textured shapes of ten classes for whoever has no pictures at hand: folders {@code train} and {@code test}. */
public final class DrawnPictures {
    private static final int SAMPLES = 4000;

    private DrawnPictures() {}

    /** {@code <home>/data}, drawn once. */
    public static Path in(Path home) {
        Path folder = home.resolve("data");
        if (!Files.isDirectory(folder)) {
            System.err.println("drawing " + SAMPLES + " pictures ...");
            Path unfinished = home.resolve("data.new");
            LocalControlPlane.deleteTree(unfinished);
            try {
                DataCommand.synthesize(unfinished, SAMPLES, 10, 32, 31);
                Files.move(unfinished, folder);
            } catch (IOException e) {
                throw new UncheckedIOException("cannot draw pictures in " + folder, e);
            }
        }
        return folder;
    }
}

package io.swav.evaluation;

import ai.djl.ndarray.NDManager;
import io.swav.api.SwavJobSpec;
import io.swav.data.ClassMatching;
import io.swav.data.DataException;
import io.swav.data.DataSet;
import io.swav.data.WorkProgress;
import io.swav.model.Model;
import io.swav.numerics.Numerics;
import io.swav.torch.Precision;
import io.swav.torch.TorchRuntime;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Optional;

/** Measures a frozen backbone: a classifier learns from its features of labelled images and classifies others. */
public final class Evaluation {
    /** A classifier that learns from features. */
    @FunctionalInterface
    public interface Classifier {
        /** The percentage of {@code test} that is classified correctly. */
        double top1(FeatureMatrix train, FeatureMatrix test, WorkProgress.Follower follower);
    }

    /** What is computed of the features of labelled images. */
    @FunctionalInterface
    interface Measurement<T> {
        T of(FeatureMatrix train, FeatureMatrix test, WorkProgress.Follower follower);
    }

    private Evaluation() {}

    /**
     * Opens the data and the weights, measures top-1 accuracy in percent, and closes them. Views are as large as the
     * spec's large crops.
     *
     * @param weights a path as for {@link BackboneLoader#load}; empty for the network before training
     * @param train of labelled images
     * @param test of labelled images
     * @param features folder to keep the features in; empty for temporary files
     * @param follower of the parts of this work
     * @throws DataException if the images are missing, cannot be decoded or have no label
     * @throws EvalException if the weights cannot be used, or features cannot be stored
     */
    public static double top1(
            SwavJobSpec spec,
            Optional<Path> weights,
            String train,
            String test,
            Optional<Path> features,
            Classifier classifier,
            WorkProgress.Follower follower) {
        return measure(spec, weights, train, test, features, classifier::top1, follower);
    }

    /** Computes {@code measurement}, else as {@link #top1}. */
    static <T> T measure(
            SwavJobSpec spec,
            Optional<Path> weights,
            String train,
            String test,
            Optional<Path> features,
            Measurement<T> measurement,
            WorkProgress.Follower follower) {
        Numerics.require(EnumSet.of(Precision.FP32));
        try (NDManager manager = TorchRuntime.root();
                DataSet openTest = DataSet.open(test, spec);
                DataSet trainData = DataSet.open(train, spec)) {
            DataSet testData = ClassMatching.byName(trainData, openTest);
            int[] testLabels = labels(testData);
            int[] trainLabels = labels(trainData);
            Model model = weights.isPresent()
                    ? BackboneLoader.load(spec, weights.get(), manager)
                    : BackboneLoader.untrained(spec, manager);
            try (StoredFeatures ofTest = stored("test", features, model, testData, spec, testLabels, follower);
                    StoredFeatures ofTrain = stored("train", features, model, trainData, spec, trainLabels, follower)) {
                return measurement.of(ofTrain.matrix(), ofTest.matrix(), follower);
            }
        }
    }

    /**
     * Computes {@code measurement} of the views' own normalized pixels, without a network, in temporary files; else as
     * {@link #top1}.
     */
    static <T> T measurePixels(
            SwavJobSpec spec, String train, String test, Measurement<T> measurement, WorkProgress.Follower follower) {
        Numerics.require(EnumSet.of(Precision.FP32));
        TorchRuntime.start();
        try (DataSet openTest = DataSet.open(test, spec);
                DataSet trainData = DataSet.open(train, spec)) {
            DataSet testData = ClassMatching.byName(trainData, openTest);
            int[] testLabels = labels(testData);
            int[] trainLabels = labels(trainData);
            try (StoredFeatures ofTest = StoredFeatures.temporary(
                            FeatureExtractor.ofPixels(testData, spec), testData, testLabels, follower);
                    StoredFeatures ofTrain = StoredFeatures.temporary(
                            FeatureExtractor.ofPixels(trainData, spec), trainData, trainLabels, follower)) {
                return measurement.of(ofTrain.matrix(), ofTest.matrix(), follower);
            }
        }
    }

    private static StoredFeatures stored(
            String part,
            Optional<Path> folder,
            Model model,
            DataSet data,
            SwavJobSpec spec,
            int[] labels,
            WorkProgress.Follower follower) {
        FeatureExtractor extractor = FeatureExtractor.ofAllProcessors(model, data, spec);
        return folder.isPresent()
                ? StoredFeatures.kept(
                        folder.get().resolve(part + ".safetensors"), model, extractor, data, labels, follower)
                : StoredFeatures.temporary(extractor, data, labels, follower);
    }

    /** Returns the labels of all samples, before anything is computed that one without a label would make worthless. */
    private static int[] labels(DataSet data) {
        int[] labels = new int[count(data)];
        for (int sample = 0; sample < labels.length; sample++) {
            labels[sample] = label(data, sample);
        }
        return labels;
    }

    /** Returns the number of samples: rows of features are counted by an int. */
    static int count(DataSet data) {
        long samples = data.size();
        if (samples > Integer.MAX_VALUE) {
            throw DataException.badData(
                    samples + " images are more than are evaluated at once: take a part of the shards, by a pattern");
        }
        return (int) samples;
    }

    static int label(DataSet data, int sample) {
        int label = data.label(sample);
        if (label < 0) {
            throw DataException.badData(
                    data.name(sample) + " has no label; evaluation needs .cls entries in tar shards, or class folders");
        }
        return label;
    }
}

package io.swav.data;

import io.swav.api.Shown;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Gives a data set the labels of another one, by the names of their classes. Labels are numbered by what lies in a
 * folder, so that one class folder that is missing or too many would shift all that follow.
 */
public final class ClassMatching {
    private static final int NAMED = 5;

    private ClassMatching() {}

    /**
     * Returns the test set with the labels of the training set. If either has no class names, its labels stand.
     *
     * @throws DataException if a class of the test set is not one of the training set
     */
    public static DataSet byName(DataSet train, DataSet test) {
        return byName(train.classNames(), test);
    }

    /**
     * Returns the test set with its labels as positions in these names.
     *
     * @param trainClasses in the order of labels; empty if they are unknown
     */
    public static DataSet byName(List<String> trainClasses, DataSet test) {
        List<String> testClasses = test.classNames();
        if (trainClasses.isEmpty() || testClasses.isEmpty() || trainClasses.equals(testClasses)) {
            return test;
        }
        return new RelabelledDataSet(test, labels(trainClasses, testClasses, test), trainClasses);
    }

    private static List<Integer> labels(List<String> trainClasses, List<String> testClasses, DataSet test) {
        Map<String, Integer> known = new HashMap<>();
        trainClasses.forEach(name -> known.put(name, known.size()));
        List<Integer> labels = new ArrayList<>();
        Map<Integer, String> unknown = new TreeMap<>();
        for (String name : testClasses) {
            if (!known.containsKey(name)) {
                unknown.put(labels.size(), name);
            }
            labels.add(known.getOrDefault(name, DataSet.UNLABELLED));
        }
        if (!unknown.isEmpty()) {
            throw DataException.badData(unknown.size() + " of the " + labels.size() + " test classes are not among the "
                    + trainClasses.size() + " training classes: "
                    + String.join(
                            ", ",
                            unknown.values().stream()
                                    .limit(NAMED)
                                    .map(Shown::of)
                                    .toList())
                    + (unknown.size() > NAMED ? ", …" : "") + " (test images are in " + test
                    + "); rename the class folders to the training set's names, or remove them");
        }
        return labels;
    }

    private record RelabelledDataSet(DataSet data, List<Integer> labels, List<String> classNames) implements DataSet {
        @Override
        public int label(long sample) {
            int own = data.label(sample);
            return own == UNLABELLED ? UNLABELLED : labels.get(own);
        }

        @Override
        public long size() {
            return data.size();
        }

        @Override
        public byte[] read(long sample) throws IOException {
            return data.read(sample);
        }

        @Override
        public String name(long sample) {
            return data.name(sample);
        }

        @Override
        public String place(long sample) {
            return data.place(sample);
        }

        @Override
        public long bytes(long sample) {
            return data.bytes(sample);
        }

        @Override
        public Inventory inventory() {
            return data.inventory();
        }

        @Override
        public DataFingerprint fingerprint() {
            return data.fingerprint();
        }

        @Override
        public void close() {
            data.close();
        }
    }
}

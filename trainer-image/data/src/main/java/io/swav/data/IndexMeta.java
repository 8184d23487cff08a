package io.swav.data;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.util.List;
import java.util.Map;

/**
 * What an index says about itself.
 *
 * @param uri of the data as it was written when the index was built, without credentials; for people
 * @param settings see {@link IndexSettings#digested}
 * @param fingerprint of the data
 * @param inventory of the data
 * @param classNames by label; empty if they are unknown
 * @param classFile size and version of the file with class names; empty if there is none
 * @param folders the version of each folder that was listed, by its name
 * @param sets the fingerprints of the data at each of its sizes, if the index was extended: its first samples, then more of
 *     them, at last all
 */
@JsonIgnoreProperties(ignoreUnknown = true)
record IndexMeta(
        String uri,
        String settings,
        DataFingerprint fingerprint,
        Inventory inventory,
        List<String> classNames,
        String classFile,
        Map<String, String> folders,
        List<DataFingerprint> sets) {
    IndexMeta {
        classNames = List.copyOf(classNames);
        folders = Map.copyOf(folders);
        sets = sets == null
                ? List.of(fingerprint)
                : List.copyOf(sets); // an index of an earlier version was never extended
    }
}

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
 */
@JsonIgnoreProperties(ignoreUnknown = true)
record IndexMeta(
        String uri,
        String settings,
        DataFingerprint fingerprint,
        Inventory inventory,
        List<String> classNames,
        String classFile,
        Map<String, String> folders) {
    IndexMeta {
        classNames = List.copyOf(classNames);
        folders = Map.copyOf(folders);
    }
}

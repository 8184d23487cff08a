package io.swav.local;

import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.VolumeBuilder;
import io.fabric8.kubernetes.api.model.VolumeMountBuilder;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.SwavJob;
import io.swav.data.Split;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The quickstart's SwavJob with the folders of this machine, and what its network is worth. */
record QuickstartJob(SwavJob job, Path manifest, Split split) {}

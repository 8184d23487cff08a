package io.swav.api;

import io.fabric8.crd.generator.annotation.AdditionalPrinterColumn;
import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Kind;
import io.fabric8.kubernetes.model.annotation.Plural;
import io.fabric8.kubernetes.model.annotation.ShortNames;
import io.fabric8.kubernetes.model.annotation.Version;

/** One SwAV pretraining run whose world of trainer pods may change while it trains. */
@Group("swav.io")
@Version("v1alpha1")
@Kind("SwavJob")
@Plural("swavjobs")
@ShortNames("swj")
@AdditionalPrinterColumn(jsonPath = ".status.phase", name = "Phase", type = AdditionalPrinterColumn.Type.STRING)
@AdditionalPrinterColumn(jsonPath = ".status.world.size", name = "World", type = AdditionalPrinterColumn.Type.INTEGER)
@AdditionalPrinterColumn(jsonPath = ".spec.replicas", name = "Wanted", type = AdditionalPrinterColumn.Type.INTEGER)
@AdditionalPrinterColumn(jsonPath = ".status.progress.step", name = "Step", type = AdditionalPrinterColumn.Type.INTEGER)
@AdditionalPrinterColumn(jsonPath = ".status.progress.loss", name = "Loss", type = AdditionalPrinterColumn.Type.NUMBER)
@AdditionalPrinterColumn(
        jsonPath = ".status.progress.imagesPerSecond",
        name = "Img/s",
        type = AdditionalPrinterColumn.Type.NUMBER)
@AdditionalPrinterColumn(
        jsonPath = ".metadata.creationTimestamp",
        name = "Age",
        type = AdditionalPrinterColumn.Type.DATE)
@SuppressWarnings("serial")
public class SwavJob extends CustomResource<SwavJobSpec, SwavJobStatus> implements Namespaced {}

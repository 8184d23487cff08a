package io.swav.api;

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
@SuppressWarnings("serial")
public class SwavJob extends CustomResource<SwavJobSpec, SwavJobStatus> implements Namespaced {}

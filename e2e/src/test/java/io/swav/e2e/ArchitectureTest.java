package io.swav.e2e;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.properties.HasName;
import com.tngtech.archunit.core.domain.properties.HasOwner;
import com.tngtech.archunit.core.domain.properties.HasParameterTypes;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The arrows between packages point one way. */
@AnalyzeClasses(packages = "io.swav", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
    private static final String[] TRAINER = {
        "io.swav.trainer..",
        "io.swav.model..",
        "io.swav.torch..",
        "io.swav.numerics..",
        "io.swav.collective..",
        "io.swav.membership..",
        "io.swav.data..",
        "io.swav.checkpoint..",
        "io.swav.evaluation..",
        "io.swav.conformance.."
    };

    @ArchTest
    static final ArchRule theApiKnowsNobody = noClasses()
            .that()
            .resideInAPackage("io.swav.api..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.swav.planner..", "io.swav.operator..", "io.swav.local..")
            .orShould()
            .dependOnClassesThat()
            .resideInAnyPackage(TRAINER);

    @ArchTest
    static final ArchRule decisionsArePure = noClasses()
            .that()
            .resideInAPackage("io.swav.planner..")
            .should()
            .dependOnClassesThat()
            .resideOutsideOfPackages("io.swav.planner..", "io.swav.api..", "java..", "org.jspecify..");

    @ArchTest
    static final ArchRule trainersKnowNoOperator = noClasses()
            .that()
            .resideInAnyPackage(TRAINER)
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.javaoperatorsdk..", "io.swav.planner..", "io.swav.operator..");

    @ArchTest
    static final ArchRule theOperatorKnowsNoTrainer = noClasses()
            .that()
            .resideInAPackage("io.swav.operator..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(TRAINER);

    @ArchTest
    static final ArchRule nobodyKnowsTheLocalCluster = noClasses()
            .that()
            .resideOutsideOfPackages("io.swav.local..", "io.swav.e2e..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.swav.local..", "io.swav.e2e..");

    @ArchTest
    static final ArchRule onePlaceTouchesLibtorch = noClasses()
            .that()
            .resideOutsideOfPackages("io.swav.torch..", "io.swav.collective.nccl..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.bytedeco..", "ai.djl.pytorch..");

    /** A pointer to what lies on a device cannot be read: bytes come and go by HostBytes, which asks where an array lies. */
    @ArchTest
    static final ArchRule onePlaceReadsAndWritesArraysAsHostMemory = noClasses()
            .that()
            .doNotHaveFullyQualifiedName("io.swav.torch.HostView")
            .and()
            .doNotHaveFullyQualifiedName("io.swav.torch.TensorMemory")
            .should()
            .callMethodWhere(
                    JavaCall.Predicates.target(HasName.Predicates.nameMatching("(const_|mutable_)?data_ptr.*")))
            .because("Memory gives addresses to libraries that compute on the device, everything else is HostBytes'");

    @ArchTest
    static final ArchRule whoeverSpeaksToCudaTakesAddresses = noClasses()
            .that()
            .resideOutsideOfPackage("io.swav.collective.nccl..")
            .and()
            .haveNameNotMatching("io\\.swav\\.torch\\.CopyStream.*")
            .should()
            .callMethodWhere(JavaCall.Predicates.target(HasName.Predicates.name("address"))
                    .and(JavaCall.Predicates.target(
                            HasOwner.Predicates.With.owner(HasName.Predicates.name("io.swav.torch.TensorMemory")))));

    /** DJL's default is a device of its own choice. */
    @ArchTest
    static final ArchRule onePlaceChoosesTheDevice = noClasses()
            .that()
            .doNotHaveFullyQualifiedName("io.swav.torch.TorchRuntime")
            .should()
            .callMethodWhere(JavaCall.Predicates.target(HasName.Predicates.name("newBaseManager")));

    /**
     * The host waits for a device at every value that it reads, and at every number that it gives to DJL, which makes an
     * array there of it. A step reads once, by Kernels; who brings it its crops, never.
     */
    @ArchTest
    static final ArchRule aStepWaitsForTheDeviceInOnePlace = noClasses()
            .that()
            .resideInAPackage("io.swav.model..")
            .or()
            .haveNameMatching("io\\.swav\\.data\\.(ShardBatches|\\w+Augmenter).*")
            .should()
            .callMethodWhere(JavaCall.Predicates.target(
                            HasOwner.Predicates.With.owner(JavaClass.Predicates.assignableTo("ai.djl.ndarray.NDArray")))
                    .and(JavaCall.Predicates.target(HasName.Predicates.nameMatching(
                                    "to(Float|Double|Long|Int|Boolean)?Array|toByteBuffer|get(Float|Double|Long|Int)"))
                            .or(JavaCall.Predicates.target(
                                    HasParameterTypes.Predicates.rawParameterTypes("java.lang.Number")))));

    @ArchTest
    static final ArchRule thePaperKnowsNoCluster = noClasses()
            .that()
            .resideInAnyPackage("io.swav.model..", "io.swav.torch..", "io.swav.collective..", "io.swav.data..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.fabric8.kubernetes.client..", "io.swav.membership..", "io.swav.trainer..");

    @ArchTest
    static final ArchRule noCycles = slices().matching("io.swav.(*)..").should().beFreeOfCycles();
}

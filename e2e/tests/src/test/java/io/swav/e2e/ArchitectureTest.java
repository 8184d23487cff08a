package io.swav.e2e;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.properties.HasName;
import com.tngtech.archunit.core.domain.properties.HasOwner;
import com.tngtech.archunit.core.domain.properties.HasParameterTypes;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Checks that dependencies between packages point one way, and that some calls are made in one place only. */
@AnalyzeClasses(packages = "io.swav", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
    private static final String[] TRAINER = {
        "io.swav.trainer..",
        "io.swav.model..",
        "io.swav.torch..",
        "io.swav.numerics..",
        "io.swav.collective..",
        "io.swav.membership..",
        "io.swav.s3..",
        "io.swav.data..",
        "io.swav.checkpoint..",
        "io.swav.evaluation..",
        "io.swav.multiprocess..",
        "io.swav.conformance..",
        "io.swav.benchmark.."
    };

    private static final String[] PRODUCT = {
        "io.swav.api..",
        "io.swav.common..",
        "io.swav.planner..",
        "io.swav.operator..",
        "io.swav.trainer..",
        "io.swav.model..",
        "io.swav.membership..",
        "io.swav.collective..",
        "io.swav.s3..",
        "io.swav.data..",
        "io.swav.checkpoint..",
        "io.swav.torch..",
        "io.swav.numerics..",
        "io.swav.evaluation.."
    };

    private static final String[] TEST_TOOLS = {
        "io.swav.multiprocess..",
        "io.swav.conformance..",
        "io.swav.benchmark..",
        "io.swav.local..",
        "io.swav.chaos..",
        "io.swav.operatorbench..",
        "io.swav.cli..",
        "io.swav.e2e.."
    };

    @ArchTest
    static final ArchRule apiDependsOnNoOtherModule = noClasses()
            .that()
            .resideInAnyPackage("io.swav.api..", "io.swav.common..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    "io.swav.planner..", "io.swav.operator..", "io.swav.local..", "io.swav.chaos..", "io.swav.cli..")
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
    static final ArchRule trainersDoNotDependOnTheOperator = noClasses()
            .that()
            .resideInAnyPackage(TRAINER)
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.javaoperatorsdk..", "io.swav.planner..", "io.swav.operator..");

    @ArchTest
    static final ArchRule operatorDoesNotDependOnTrainers = noClasses()
            .that()
            .resideInAPackage("io.swav.operator..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(TRAINER);

    @ArchTest
    static final ArchRule onlyTheCommandLineAndTestsDependOnTheLocalCluster = noClasses()
            .that()
            .resideOutsideOfPackages(
                    "io.swav.local..", "io.swav.chaos..", "io.swav.operatorbench..", "io.swav.cli..", "io.swav.e2e..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    "io.swav.local..", "io.swav.chaos..", "io.swav.operatorbench..", "io.swav.cli..", "io.swav.e2e..");

    /** What runs in production does not depend on what tests it. */
    @ArchTest
    static final ArchRule productDoesNotDependOnTestTools = noClasses()
            .that()
            .resideInAnyPackage(PRODUCT)
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(TEST_TOOLS);

    @ArchTest
    static final ArchRule theLocalClusterKnowsNoTrainer = noClasses()
            .that()
            .resideInAPackage("io.swav.local..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(TRAINER);

    @ArchTest
    static final ArchRule onlyTorchAndNcclUseLibtorch = noClasses()
            .that()
            .resideOutsideOfPackages("io.swav.torch..", "io.swav.collective.nccl..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.bytedeco..", "ai.djl.pytorch..");

    /**
     * A pointer into device memory cannot be dereferenced on the host: bytes are copied by HostView, which checks where an
     * array resides.
     */
    @ArchTest
    static final ArchRule onlyHostViewAndTensorMemoryTakeDataPointers = noClasses()
            .that()
            .doNotHaveFullyQualifiedName("io.swav.torch.HostView")
            .and()
            .doNotHaveFullyQualifiedName("io.swav.torch.TensorMemory")
            .should()
            .callMethodWhere(
                    JavaCall.Predicates.target(HasName.Predicates.nameMatching("(const_|mutable_)?data_ptr.*")))
            .because(
                    "TensorMemory passes addresses to libraries that compute on the device, and HostView makes all other accesses");

    @ArchTest
    static final ArchRule onlyCallersOfCudaTakeAddresses = noClasses()
            .that()
            .resideOutsideOfPackage("io.swav.collective.nccl..")
            .and()
            .haveNameNotMatching("io\\.swav\\.torch\\.CopyStream.*")
            .should()
            .callMethodWhere(JavaCall.Predicates.target(HasName.Predicates.name("address"))
                    .and(JavaCall.Predicates.target(
                            HasOwner.Predicates.With.owner(HasName.Predicates.name("io.swav.torch.TensorMemory")))));

    /** By default DJL chooses the device itself. */
    @ArchTest
    static final ArchRule onlyTorchRuntimeChoosesTheDevice = noClasses()
            .that()
            .doNotHaveFullyQualifiedName("io.swav.torch.TorchRuntime")
            .should()
            .callMethodWhere(JavaCall.Predicates.target(HasName.Predicates.name("newBaseManager")));

    /**
     * The host waits for the device at every value that it reads and at every number that it passes to DJL, which creates
     * a device array from it. A step reads once, in TorchOps; the classes that supply its crops never read.
     */
    @ArchTest
    static final ArchRule aStepWaitsForTheDeviceOnlyInTorchOps = noClasses()
            .that()
            .resideInAPackage("io.swav.model..")
            .or()
            .haveNameMatching("io\\.swav\\.data\\.(PrefetchingBatches|\\w+Augmenter).*")
            .should()
            .callMethodWhere(JavaCall.Predicates.target(
                            HasOwner.Predicates.With.owner(JavaClass.Predicates.assignableTo("ai.djl.ndarray.NDArray")))
                    .and(JavaCall.Predicates.target(HasName.Predicates.nameMatching(
                                    "to(Float|Double|Long|Int|Boolean)?Array|toByteBuffer|get(Float|Double|Long|Int)"))
                            .or(JavaCall.Predicates.target(
                                    HasParameterTypes.Predicates.rawParameterTypes("java.lang.Number")))));

    /** They share the client of S3, and nothing else. */
    @ArchTest
    static final ArchRule dataAndCheckpointsAreSeparate = noClasses()
            .that()
            .resideInAnyPackage("io.swav.data..", "io.swav.s3..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.swav.checkpoint..");

    /** Decision 091: its connections end unseen. */
    @ArchTest
    static final ArchRule theProductDoesNotUseTheHttpClientOfTheJdk = noClasses()
            .that()
            .resideInAnyPackage(PRODUCT)
            .should()
            .dependOnClassesThat()
            .resideInAPackage("java.net.http..");

    @ArchTest
    static final ArchRule theMethodDoesNotDependOnTheCluster = noClasses()
            .that()
            .resideInAnyPackage("io.swav.model..", "io.swav.torch..", "io.swav.collective..", "io.swav.data..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.fabric8.kubernetes.client..", "io.swav.membership..", "io.swav.trainer..");

    /** Each package that directly contains classes is a slice of its own. */
    @ArchTest
    static final ArchRule noCyclesBetweenPackages =
            slices().matching("io.swav.(**)").should().beFreeOfCycles();

    /** A name that stands for two things in one module can be neither searched nor asked about. */
    @ArchTest
    static void noSimpleNameTwiceInAModule(JavaClasses classes) {
        Map<String, List<String>> named = new TreeMap<>();
        for (JavaClass one : classes) {
            if (!one.isAnonymousClass()
                    && !one.getSimpleName().isEmpty()
                    && !one.getSimpleName().equals("package-info")) {
                named.computeIfAbsent(module(one) + " " + one.getSimpleName(), name -> new ArrayList<>())
                        .add(one.getName());
            }
        }
        named.values().removeIf(classesOfTheName -> classesOfTheName.size() == 1);
        assertThat(named).isEmpty();
    }

    /** The folder of its Maven module: the parent of target/classes, or the name of its jar. */
    private static String module(JavaClass of) {
        String place = of.getSource().orElseThrow().getUri().toString();
        return place.replaceFirst("!.*|/target/classes/.*", "").replaceFirst(".*/", "");
    }
}

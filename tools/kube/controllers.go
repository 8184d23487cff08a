// A kube-controller-manager with only the controllers that a local cluster runs. Leaving out the others, their volume
// plugins and the server saves a tenth of the compilation. It accepts the flags that LocalControlPlane passes to any
// kube-controller-manager; settings without a flag here have Kubernetes 1.20's defaults.
package main

import (
	"flag"
	"fmt"
	"io/ioutil"
	"os"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/keyutil"
	"k8s.io/component-base/version"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/certificates/rootcacertpublisher"
	"k8s.io/kubernetes/pkg/controller/clusterroleaggregation"
	"k8s.io/kubernetes/pkg/controller/disruption"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/nodelifecycle"
	"k8s.io/kubernetes/pkg/controller/podgc"
	accounts "k8s.io/kubernetes/pkg/controller/serviceaccount"
	"k8s.io/kubernetes/pkg/serviceaccount"
)

const (
	rediscovery = 30 * time.Second // how soon a new kind of object is discovered
	resync      = 12 * time.Hour   // of the caches
)

var (
	kubeconfig  = flag.String("kubeconfig", "", "address and credentials of the API server")
	wanted      = flag.String("controllers", "", "comma-separated names")
	accountKey  = flag.String("service-account-private-key-file", "", "key that signs the tokens of service accounts")
	rootCA      = flag.String("root-ca-file", "", "certificate that goes into every token's secret and every namespace")
	leaderElect = flag.Bool("leader-elect", false, "must be false: this is the only instance")
	securePort  = flag.Int("secure-port", 0, "must be 0: this program has no server")
	port        = flag.Int("port", 0, "must be 0, as above")
	showVersion = flag.Bool("version", false, "print the version and exit")
)

// The clients and caches that the controllers share.
type manager struct {
	config   *rest.Config
	typed    informers.SharedInformerFactory
	metadata metadatainformer.SharedInformerFactory
	mapper   *restmapper.DeferredDiscoveryRESTMapper
	started  chan struct{} // closed when the informers run
	stop     chan struct{} // never closed: the process is killed
}

var controllers = map[string]func(*manager){
	"clusterrole-aggregation": (*manager).clusterRoleAggregation,
	"disruption":              (*manager).disruption,
	"garbagecollector":        (*manager).garbageCollector,
	"namespace":               (*manager).namespace,
	"nodelifecycle":           (*manager).nodeLifecycle,
	"podgc":                   (*manager).podGC,
	"root-ca-cert-publisher":  (*manager).rootCAPublisher,
	"serviceaccount":          (*manager).serviceAccounts,
	"serviceaccount-token":    (*manager).serviceAccountTokens,
}

func main() {
	flag.Parse()
	if *showVersion {
		fmt.Println("Kubernetes", version.Get())
		os.Exit(0)
	}
	if *leaderElect || *securePort != 0 || *port != 0 || flag.NArg() > 0 {
		klog.Fatal("this kube-controller-manager has neither leader election nor a server, and takes no arguments")
	}
	m := newManager()
	for _, name := range strings.Split(*wanted, ",") {
		start, known := controllers[name]
		if !known {
			klog.Fatalf("--controllers: %q is not part of this kube-controller-manager", name)
		}
		start(m)
		klog.Infof("Started %q", name)
	}
	m.typed.Start(m.stop)
	m.metadata.Start(m.stop)
	close(m.started)
	<-m.stop
}

func newManager() *manager {
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	check(err)
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.QPS, config.Burst = 20, 30
	m := &manager{config: config, started: make(chan struct{}), stop: make(chan struct{})}
	m.typed = informers.NewSharedInformerFactory(m.client(), resync)
	m.metadata = metadatainformer.NewSharedInformerFactory(m.metadataClient(config), resync)
	m.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(m.client().Discovery()))
	go wait.Until(m.mapper.Reset, rediscovery, m.stop)
	return m
}

// Returns a client with a rate limit of its own.
func (m *manager) client() kubernetes.Interface {
	return kubernetes.NewForConfigOrDie(m.config)
}

func (m *manager) metadataClient(config *rest.Config) metadata.Interface {
	client, err := metadata.NewForConfig(config)
	check(err)
	return client
}

func (m *manager) garbageCollector() {
	client := m.client()
	both := informerfactory.NewInformerFactory(m.typed, m.metadata)
	collector, err := garbagecollector.NewGarbageCollector(
		client, m.metadataClient(m.config), m.mapper, garbagecollector.DefaultIgnoredResources(), both, m.started)
	check(err)
	go collector.Run(20, m.stop)
	go collector.Sync(client.Discovery(), rediscovery, m.stop)
}

func (m *manager) namespace() {
	config := rest.CopyConfig(m.config) // deleting a namespace's contents takes many requests
	config.QPS, config.Burst = 400, 3000
	client := kubernetes.NewForConfigOrDie(config)
	go namespace.NewNamespaceController(
		client, m.metadataClient(config), client.Discovery().ServerPreferredNamespacedResources,
		m.typed.Core().V1().Namespaces(), 5*time.Minute, v1.FinalizerKubernetes).Run(10, m.stop)
}

func (m *manager) serviceAccounts() {
	controller, err := accounts.NewServiceAccountsController(
		m.typed.Core().V1().ServiceAccounts(), m.typed.Core().V1().Namespaces(), m.client(),
		accounts.DefaultServiceAccountsControllerOptions())
	check(err)
	go controller.Run(1, m.stop)
}

func (m *manager) serviceAccountTokens() {
	key, err := keyutil.PrivateKeyFromFile(*accountKey)
	check(err)
	generator, err := serviceaccount.JWTTokenGenerator(serviceaccount.LegacyIssuer, key)
	check(err)
	controller, err := accounts.NewTokensController(
		m.typed.Core().V1().ServiceAccounts(), m.typed.Core().V1().Secrets(), m.client(),
		accounts.TokensControllerOptions{TokenGenerator: generator, RootCA: readRootCA()})
	check(err)
	go controller.Run(5, m.stop)
}

func (m *manager) rootCAPublisher() {
	publisher, err := rootcacertpublisher.NewPublisher(
		m.typed.Core().V1().ConfigMaps(), m.typed.Core().V1().Namespaces(), m.client(), readRootCA())
	check(err)
	go publisher.Run(1, m.stop)
}

func (m *manager) clusterRoleAggregation() {
	go clusterroleaggregation.NewClusterRoleAggregation(
		m.typed.Rbac().V1().ClusterRoles(), m.client().RbacV1()).Run(5, m.stop)
}

func (m *manager) nodeLifecycle() {
	controller, err := nodelifecycle.NewNodeLifecycleController(
		m.typed.Coordination().V1().Leases(), m.typed.Core().V1().Pods(), m.typed.Core().V1().Nodes(),
		m.typed.Apps().V1().DaemonSets(), m.client(),
		5*time.Second,       // interval of the checks of the nodes
		60*time.Second,      // until a new node must have reported its status
		40*time.Second,      // until a silent node counts as not ready
		5*time.Minute,       // until its pods are evicted
		0.1, 0.01, 50, 0.55, // evictions a second, those in a bad zone, what a large zone is and what a bad one
		true)
	check(err)
	go controller.Run(m.stop)
}

func (m *manager) podGC() {
	go podgc.NewPodGC(
		m.client(), m.typed.Core().V1().Pods(), m.typed.Core().V1().Nodes(), 12500).Run(m.stop)
}

func (m *manager) disruption() {
	client := m.client()
	scales, err := scale.NewForConfig(
		m.config, m.mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(client.Discovery()))
	check(err)
	apps := m.typed.Apps().V1()
	go disruption.NewDisruptionController(
		m.typed.Core().V1().Pods(), m.typed.Policy().V1beta1().PodDisruptionBudgets(),
		m.typed.Core().V1().ReplicationControllers(), apps.ReplicaSets(), apps.Deployments(), apps.StatefulSets(),
		client, m.mapper, scales).Run(m.stop)
}

func readRootCA() []byte {
	text, err := ioutil.ReadFile(*rootCA)
	check(err)
	return text
}

func check(err error) {
	if err != nil {
		klog.Fatal(err)
	}
}

package inspect

// Words of the Kubernetes API that several rules look for.
const (
	appsV1  = "apps/v1"
	batchV1 = "batch/v1"

	podKind         = "Pod"
	nodeKind        = "Node"
	serviceKind     = "Service"
	claimKind       = "PersistentVolumeClaim"
	deploymentKind  = "Deployment"
	replicaSetKind  = "ReplicaSet"
	statefulSetKind = "StatefulSet"
	daemonSetKind   = "DaemonSet"
	jobKind         = "Job"
	cronJobKind     = "CronJob"

	// The statuses of a condition.
	conditionTrue  = "True"
	conditionFalse = "False"

	// Reasons and a phase.
	outOfMemory = "OOMKilled"
	creating    = "ContainerCreating"
	failedPhase = "Failed"
)

// The deployment in data-flow order: Kafka → silos → Redis → gateway. Needs Docker; `emostream up` does not.
var builder = DistributedApplication.CreateBuilder(args);
var infra = Path.GetFullPath("../infra", builder.AppHostDirectory);

// 1. Utterances come in here. The resource's name is the one in ConnectionStrings__kafka.
var kafka = builder.AddKafka("kafka")
    .WithDataVolume()
    .WithKafkaUI();

// 2. Timelines and cluster membership. Snapshots are for development: a crash of Redis loses the last ten seconds and more
// of acknowledged utterances, which are not healed automatically (see Limits in README.md); docker-compose.yml has
// `appendfsync always`.
var redis = builder.AddRedis("redis")
    .WithDataVolume()
    .WithPersistence(TimeSpan.FromSeconds(10), 1);

// 3. The cluster: its names are also those of the committed Kafka offsets, so they must not change between starts.
var orleans = builder.AddOrleans("emostream")
    .WithClusterId("emostream")
    .WithServiceId("emostream")
    .WithClustering(redis);

// 4. The processor.
var silo = builder.AddProject<Projects.EmoStream_Silo>("silo")
    .WithReference(orleans)
    .WithReference(kafka)
    .WithReference(redis)
    .WithEnvironment("EmoStream__Bundle", Path.Combine(infra, "models", "meld"))
    .WithEnvironment("EmoStream__Policy", Path.Combine(infra, "policies", "text-only.json"))
    .WithHttpEndpoint()
    .WithHttpHealthCheck("/health")
    .WithReplicas(2)
    .WaitFor(kafka)
    .WaitFor(redis);

// 5. HTTP for people and programs; open on this machine only, the gateway refuses it anywhere else.
builder.AddProject<Projects.EmoStream_Gateway>("gateway")
    .WithReference(kafka)
    .WithReference(redis)
    .WithEnvironment("EmoStream__Gateway__AllowAnonymous", "true")
    .WithHttpEndpoint()
    .WithHttpHealthCheck("/health")
    .WaitFor(silo);

builder.Build().Run();

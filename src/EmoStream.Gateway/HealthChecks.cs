using EmoStream.Client.Produce;
using EmoStream.Contracts;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using StackExchange.Redis;

namespace EmoStream.Gateway;

/// <summary>Ready means that Redis answers.</summary>
internal sealed class RedisHealthCheck([FromKeyedServices(Names.Redis)] IConnectionMultiplexer redis) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await redis.GetDatabase().PingAsync().WaitAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, "Redis does not answer.", e);
        }
    }
}

/// <summary>Ready means that a Kafka broker answers.</summary>
internal sealed class KafkaHealthCheck(UtteranceProducer producer) : IHealthCheck
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await producer.PingAsync(Patience).WaitAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (UtteranceDeliveryException e)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, "Kafka does not answer.", e);
        }
    }
}

using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text.Json;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;

namespace EmoStream.Silo.Policy;

/// <summary>
/// The first thing an utterance meets: decides by tenant, speaker role and modality what may be used, and drops the rest
/// before anything is stored or scored.
/// </summary>
internal sealed class PolicyGate
{
    /// <summary>The gate of a silo without a policy: nothing may be used.</summary>
    public static PolicyGate Closed { get; } = new(new("none", []), "none");

    private readonly PolicyFile _policy;
    private readonly string _decisionId;

    // A silo meets few combinations of tenant and role that differ in what they may; many tenants share one set.
    private readonly ConcurrentDictionary<(string Tenant, string Role), PolicyDecision> _decisions = new();

    private PolicyGate(PolicyFile policy, string decisionId) => (_policy, _decisionId) = (policy, decisionId);

    /// <summary>Reads a policy file.</summary>
    /// <exception cref="PolicyException">Says what is wrong with the file.</exception>
    public static PolicyGate Load(string path)
    {
        try
        {
            var bytes = File.ReadAllBytes(path);
            var policy = JsonSerializer.Deserialize(bytes, PolicyJson.Default.PolicyFile);
            if ((policy is null ? "it is JSON null" : policy.Validate()) is { } error) throw new PolicyException($"Policy file {path}: {error}.");
            return new(policy!, $"{policy!.Id}@{Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 4))}");
        }
        catch (JsonException e)
        {
            throw new PolicyException($"Policy file {path}: {e.Message}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PolicyException($"Policy file {path} cannot be read: {e.Message}");
        }
    }

    /// <summary>What may be used of an event.</summary>
    public PolicyDecision Decide(UtteranceEvent e)
    {
        var slash = e.ConversationId.IndexOf('/', StringComparison.Ordinal);
        var tenant = slash < 0 ? "" : e.ConversationId[..slash];
        var role = e.Speaker?.Role ?? "participant";
        return _decisions.TryGetValue((tenant, role), out var known) ? known : Decide(tenant, role);
    }

    private PolicyDecision Decide(string tenant, string role)
    {
        var decision = new PolicyDecision(_decisionId, _policy.Rules
            .Where(r => (r.Tenants?.Contains(tenant) ?? true) && (r.Roles?.Contains(role) ?? true))
            .SelectMany(r => r.Modalities)
            .ToFrozenSet());

        // Roles come from outside: a producer that invents one per utterance must not fill the memory.
        return _decisions.Count < 10_000 ? _decisions.GetOrAdd((tenant, role), decision) : decision;
    }
}

/// <summary>What the policy says of one utterance.</summary>
/// <param name="Id">Policy id and the hash of its file; recorded on the entry.</param>
/// <param name="Allowed">The modalities that may be used.</param>
internal sealed record PolicyDecision(string Id, FrozenSet<string> Allowed)
{
    /// <summary>The input that remains, or null when nothing the model could use does.</summary>
    public RowInput? Apply(UtteranceEvent e, ModelDescription model)
    {
        var input = new RowInput
        {
            Text = Use(Modality.Text, model) && !string.IsNullOrWhiteSpace(e.Text) ? e.Text : null,
            Audio = Use(Modality.Audio, model) ? e.Audio : null,
            Face = Use(Modality.Face, model) ? e.Face : null,
            Body = Use(Modality.Body, model) ? e.Body : null,
        };
        return input is { Text: null, Audio: null, Face: null, Body: null } ? null : input;
    }

    private bool Use(string modality, ModelDescription model)
    {
        if (!Allowed.Contains(modality)) return false;
        foreach (var taken in model.Modalities)
        {
            if (taken.Name == modality) return true;
        }

        return false;
    }
}

/// <summary>A policy file that cannot be used.</summary>
public sealed class PolicyException(string message) : Exception(message);

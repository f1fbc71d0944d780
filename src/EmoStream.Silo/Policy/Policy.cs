using System.Text.Json.Serialization;
using EmoStream.Contracts;

namespace EmoStream.Silo.Policy;

/// <summary>The policy file: which modalities may be used of whom.</summary>
/// <param name="Id">Names the policy in every decision.</param>
/// <param name="Rules">An utterance may bring what any matching rule allows.</param>
internal sealed record PolicyFile(string Id, PolicyRule[] Rules)
{
    /// <summary>Null when the file makes sense, else what does not.</summary>
    public string? Validate()
    {
        if (string.IsNullOrWhiteSpace(Id)) return "id is missing";
        if (Rules is null) return "rules is missing";
        for (var i = 0; i < Rules.Length; i++)
        {
            if (Rules[i]?.Modalities is not { Length: > 0 } modalities) return $"rules[{i}].modalities is missing or empty";
            if (Array.Find(modalities, m => !Modality.All.Contains(m)) is { } unknown)
            {
                return $"rules[{i}].modalities names '{unknown}'; known are {string.Join(", ", Modality.All)}";
            }
        }

        return null;
    }
}

/// <summary>Allows modalities for some tenants and roles.</summary>
/// <param name="Modalities">What is allowed.</param>
/// <param name="Tenants">The part of the conversation id before the first slash; null = every tenant.</param>
/// <param name="Roles">Speaker roles; null = every role.</param>
internal sealed record PolicyRule(string[] Modalities, string[]? Tenants = null, string[]? Roles = null);

[JsonSourceGenerationOptions(
    System.Text.Json.JsonSerializerDefaults.Web,
    ReadCommentHandling = System.Text.Json.JsonCommentHandling.Skip,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(PolicyFile))]
internal sealed partial class PolicyJson : JsonSerializerContext;

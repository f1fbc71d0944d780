using System.Text.Json.Serialization;

namespace EmoStream.Cli.Doctor;

/// <summary>What one check found.</summary>
/// <param name="Check">What was looked at.</param>
/// <param name="Ok">Whether it will do.</param>
/// <param name="Detail">What is there.</param>
/// <param name="Remedy">What to do; null when nothing needs doing.</param>
internal sealed record Finding(string Check, bool Ok, string Detail, string? Remedy = null)
{
    public static Finding Good(string check, string detail, string? advice = null) => new(check, true, detail, advice);

    public static Finding Bad(string check, string detail, string remedy) => new(check, false, detail, remedy);
}

/// <summary>What <c>emostream doctor --json</c> prints.</summary>
internal sealed record Diagnosis(bool Ok, IReadOnlyList<Finding> Findings);

/// <summary>Source-generated JSON of the diagnosis.</summary>
[JsonSourceGenerationOptions(System.Text.Json.JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(Diagnosis))]
internal sealed partial class DoctorJson : JsonSerializerContext;

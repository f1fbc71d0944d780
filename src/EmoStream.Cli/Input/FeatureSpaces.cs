using System.CommandLine;
using EmoStream.Contracts;

namespace EmoStream.Cli.Input;

/// <summary>
/// The option <c>--features MODALITY=SPACE</c>: takes the vectors of a data set's lines along. The lines do not say which
/// feature space they are of, and a vector is only comparable within its space, so the command line must.
/// </summary>
internal static class FeatureSpaces
{
    /// <param name="text">Whether vectors may stand for texts, too: events have no place for them, evaluation does.</param>
    public static Option<string[]> Option(bool text = false)
    {
        string[] known = [.. Modality.All.Where(name => text || name != Modality.Text)];
        var option = new Option<string[]>("--features")
        {
            Description = "Use the file's vectors of a modality, naming their feature space; may be repeated",
            HelpName = "MODALITY=SPACE",
            AllowMultipleArgumentsPerToken = true,
        };
        option.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
            {
                var (modality, space) = Split(token.Value);
                if (!known.Contains(modality) || space.IndexOf('@') < 1)
                {
                    result.AddError($"--features {token.Value}: expected MODALITY=SPACE with {string.Join(", ", known)}, such as face=face/openface-au@1.");
                }
            }
        });
        return option;
    }

    public static IReadOnlyDictionary<string, string> Parse(string[]? values)
    {
        var spaces = new Dictionary<string, string>();
        foreach (var value in values ?? [])
        {
            var (modality, space) = Split(value);
            spaces[modality] = space;
        }

        return spaces;
    }

    private static (string Modality, string Space) Split(string value)
    {
        var equals = value.IndexOf('=');
        return equals < 0 ? (value, "") : (value[..equals], value[(equals + 1)..]);
    }
}

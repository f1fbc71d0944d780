using System.CommandLine;

namespace EmoStream.Cli;

/// <summary>Rules for option values that a type alone does not express.</summary>
internal static class OptionRules
{
    /// <summary>Refuses values that the rule does not allow, and those that are no value of the type at all.</summary>
    public static Option<T> Require<T>(this Option<T> option, Func<T?, bool> rule, string message)
    {
        option.Validators.Add(result =>
        {
            try
            {
                if (rule(result.GetValueOrDefault<T>()))
                {
                    return;
                }
            }
            catch (InvalidOperationException)
            {
                // System.CommandLine's way to say that the text is not of the option's type.
            }

            result.AddError(message);
        });
        return option;
    }
}

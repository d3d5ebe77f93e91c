using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary>What is given for options, by a command line or by the fields of a batch line: a request is made of either in one step.</summary>
internal interface IGivenOptions
{
    /// <summary>Whether the option is there, and its value not the default.</summary>
    bool Has(Option option);

    /// <summary>The option's value, or its default.</summary>
    T? GetValue<T>(Option<T> option);
}

/// <summary>What a command line gives.</summary>
internal sealed class GivenByCommandLine(ParseResult parsed) : IGivenOptions
{
    public bool Has(Option option) => parsed.GetResult(option) is { Implicit: false };

    public T? GetValue<T>(Option<T> option) => parsed.GetValue(option);
}

using System.CommandLine;
using System.Globalization;
using System.Text.RegularExpressions;

namespace StableDiffusion.Cli;

/// <summary>
/// Numbers as people write them, the same on the command line and in batch files: a point before decimals, no marks between thousands;
/// <c>5.0</c> is the whole number 5, as spreadsheets and JSON writers make of it.
/// </summary>
internal static partial class Numbers
{
    /// <summary>Lets every numeric option of a command and those below it read numbers so.</summary>
    public static void ReadStrictly(Command command)
    {
        foreach (var option in command.Options)
        {
            ReadStrictly(option);
        }

        foreach (var one in command.Subcommands)
        {
            ReadStrictly(one);
        }
    }

    /// <summary>A whole number that fits 32 bits.</summary>
    public static bool TryWhole(string text, out int number)
    {
        number = 0;
        return WholeForm().Match(text.Trim()) is { Success: true } match
            && int.TryParse(match.Groups[1].Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>A number that is finite.</summary>
    public static bool TryReal(string text, out double number) =>
        double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out number) && double.IsFinite(number);

    /// <summary>What a text that is no number should have been: "a whole number; write 1000".</summary>
    public static string Wanted(string text, bool whole)
    {
        var kind = whole ? $"a whole number of at most {int.MaxValue}" : "a number, such as 7.5";
        var plain = text.Trim();
        return plain.ToLowerInvariant() is "none" or "null" or "nan" ? $"{kind}; leave it out for the default"
            : ThousandsForm().IsMatch(plain) && whole ? $"{kind}; write {plain.Replace(",", "", StringComparison.Ordinal)} without commas"
            : CommaForm().IsMatch(plain) && !whole ? $"{kind}; write {plain.Replace(',', '.')} with a point"
            : kind;
    }

    private static void ReadStrictly(Option option)
    {
        switch (option)
        {
            case Option<int> one:
                one.CustomParser = result => Whole(result) ?? 0;
                break;
            case Option<int?> one:
                one.CustomParser = Whole;
                break;
            case Option<double> one:
                one.CustomParser = result => Real(result) ?? 0;
                break;
            case Option<double?> one:
                one.CustomParser = Real;
                break;
        }
    }

    private static int? Whole(System.CommandLine.Parsing.ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (TryWhole(text, out var number))
        {
            return number;
        }

        result.AddError($"{NameOf(result)} {OneLine.Quote(text)} must be {Wanted(text, whole: true)}");
        return null;
    }

    private static double? Real(System.CommandLine.Parsing.ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (TryReal(text, out var number))
        {
            return number;
        }

        result.AddError($"{NameOf(result)} {OneLine.Quote(text)} must be {Wanted(text, whole: false)}");
        return null;
    }

    private static string NameOf(System.CommandLine.Parsing.ArgumentResult result) =>
        (result.Parent as System.CommandLine.Parsing.OptionResult)?.Option.Name ?? result.Argument.Name;

    [GeneratedRegex(@"^([+-]?\d+)(?:\.0*)?$")]
    private static partial Regex WholeForm();

    [GeneratedRegex(@"^[+-]?\d{1,3}(,\d{3})+$")]
    private static partial Regex ThousandsForm();

    [GeneratedRegex(@"^[+-]?\d*,\d+$")]
    private static partial Regex CommaForm();
}

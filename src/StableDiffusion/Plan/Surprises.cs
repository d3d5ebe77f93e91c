using System.Globalization;
using System.Text.RegularExpressions;

namespace StableDiffusion;

/// <summary>What a request asks for without effect, or means otherwise than it will be read: said before the run, which goes on.</summary>
internal static partial class Surprises
{
    /// <summary>A condition on a request that is checked, and what is said where it holds.</summary>
    internal sealed record Row(string Parameter, Func<GenerationPlan, bool> Holds, Func<GenerationPlan, string> Say);

    /// <summary>All that may surprise, by the property it is about.</summary>
    public static IReadOnlyList<Row> Rows { get; } =
    [
        new(nameof(ImageRequest.GuidanceScale), plan => plan.Scale > 1 && plan.LacksNegativePrompt,
            plan => $"the guidance scale {plan.Scale.ToString(CultureInfo.InvariantCulture)} changes nothing: {plan.Folder.Family.Name} is led away from a negative prompt only, and there is none."
                + (plan.Folder.Network.Wants("guidance") ? " What it was taught to follow the prompt by is its distilled guidance." : "")),
        new(nameof(ImageRequest.NegativePrompt2), plan => plan.Request.NegativePrompt2 is { Length: > 0 } && plan.Request.NegativePrompt is null && plan.Guidance.IsOn && plan.Folder.ForceZerosForEmptyPrompt,
            plan => "the second encoder's negative prompt changes nothing: without a negative prompt the model is led away from zeros; give both."),
        new(nameof(ImageRequest.NegativePrompt), plan => (plan.Request.NegativePrompt + plan.Request.NegativePrompt2 + plan.Request.NegativePrompt3).Length > 0 && !plan.Guidance.IsOn,
            plan => $"the negative prompt changes nothing: guidance is off at scale {Scale(plan)}."),
        new(nameof(ImageRequest.GuidanceRescale), plan => plan.Request.GuidanceRescale > 0 && !plan.Guidance.IsOn,
            plan => $"guidance rescale changes nothing: guidance is off at scale {Scale(plan)}."),
        new(nameof(ImageRequest.GuidanceStart), plan => plan.Request.GuidanceStart > 0 && !plan.Guidance.IsOn,
            plan => $"the start of guidance changes nothing: guidance is off at scale {Scale(plan)}."),
        new(nameof(ImageRequest.GuidanceEnd), plan => plan.Request.GuidanceEnd < 1 && !plan.Guidance.IsOn,
            plan => $"the end of guidance changes nothing: guidance is off at scale {Scale(plan)}."),
        new(nameof(ImageRequest.GuidanceEvery), plan => plan.Request.GuidanceEvery > 1 && !plan.Guidance.IsOn,
            plan => $"the interval of guidance changes nothing: guidance is off at scale {Scale(plan)}."),
        new(nameof(ImageRequest.Mask), plan => plan.Request.Mask is { } mask && All(mask, value => value < 128),
            plan => "the mask has no light place, so nothing of the picture is painted anew; white says where to paint."),
        new(nameof(ImageRequest.Mask), plan => plan.Request.Mask is { } mask && All(mask, value => value >= 128),
            plan => "the mask is light all over, so the whole picture is painted anew; black says what to keep."),
        new(nameof(ImageRequest.Prompt), plan => plan.Request.LongPrompt == LongPrompt.Chunk && Foreign().IsMatch(plan.Request.Prompt),
            plan => $"the prompt has '{Foreign().Match(plan.Request.Prompt).Value}', which other programs read as an instruction; here it is plain text."),
        new(nameof(ImageRequest.NegativePrompt), plan => plan.Request.LongPrompt == LongPrompt.Chunk && plan.Guidance.IsOn && Foreign().IsMatch(plan.Request.NegativePrompt ?? ""),
            plan => $"the negative prompt has '{Foreign().Match(plan.Request.NegativePrompt!).Value}', which other programs read as an instruction; here it is plain text."),
    ];

    /// <summary>What there is to say of a plan.</summary>
    public static IEnumerable<string> Of(GenerationPlan plan) => Rows.Where(row => row.Holds(plan)).Select(row => row.Say(plan));

    private static string Scale(GenerationPlan plan) => plan.Guidance.Scale.ToString(CultureInfo.InvariantCulture);

    private static bool All(RgbImage picture, Func<int, bool> holds)
    {
        var pixels = picture.Pixels.Span;
        for (var i = 0; i < pixels.Length; i += 3)
        {
            // Pillow's convert("L"): ITU-R 601-2 luma
            if (!holds(((pixels[i] * 19595) + (pixels[i + 1] * 38470) + (pixels[i + 2] * 7471) + 0x8000) >> 16))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The webui's prompt editing <c>[a:b:0.5]</c> and <c>[a:0.5]</c>, alternation <c>[a|b]</c>, composable <c>AND</c> and extra networks <c>&lt;name:…&gt;</c>.</summary>
    [GeneratedRegex(@"<(?!lora:)[A-Za-z]\w*:[^<>]*>|\[[^\[\]:]*:[^\[\]]*:\s*\d*\.?\d+\s*\]|\[[^\[\]:]+:\s*\d*\.?\d+\s*\]|\[[^\[\]|]+\|[^\[\]]+\]|\bAND\b")]
    private static partial Regex Foreign();
}

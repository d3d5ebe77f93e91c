using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

/// <summary>Layouts as they lie on the hub (file names from its pages).</summary>
public class PullSelectionTests
{
    [Fact]
    public void Of_a_repository_with_all_formats_only_ONNX_is_taken() => AssertChosen(
        """
        .gitattributes README.md model_index.json scheduler/scheduler_config.json sd_xl_base_1.0.safetensors
        text_encoder/config.json text_encoder/model.onnx text_encoder/model.safetensors text_encoder/openvino_model.bin text_encoder/openvino_model.xml
        unet/config.json unet/model.onnx unet/model.onnx_data unet/diffusion_pytorch_model.safetensors unet/openvino_model.bin
        tokenizer/vocab.json tokenizer/merges.txt tokenizer/special_tokens_map.json tokenizer/tokenizer_config.json
        vae/config.json vae/diffusion_pytorch_model.safetensors vae_decoder/config.json vae_decoder/model.onnx vae_encoder/model.onnx
        """,
        """
        model_index.json scheduler/scheduler_config.json text_encoder/config.json text_encoder/model.onnx unet/config.json unet/model.onnx unet/model.onnx_data
        tokenizer/vocab.json tokenizer/merges.txt tokenizer/special_tokens_map.json tokenizer/tokenizer_config.json
        vae/config.json vae_decoder/config.json vae_decoder/model.onnx vae_encoder/model.onnx
        """);

    [Fact]
    public void Weights_may_have_any_name_and_a_tokenizer_that_is_a_network_is_left() => AssertChosen(
        "model_index.json unet/model.onnx unet/weights.pb text_encoder/model.onnx text_encoder/model.onnx.data tokenizer/model.onnx tokenizer/vocab.json safety_checker/model.onnx vae_decoder/model.onnx",
        "model_index.json unet/model.onnx unet/weights.pb text_encoder/model.onnx text_encoder/model.onnx.data tokenizer/vocab.json vae_decoder/model.onnx");

    [Fact]
    public void Networks_below_a_folder_of_their_own_come_with_the_settings_beside_it() => AssertChosen(
        "model_index.json tokenizer/vocab.json scheduler/scheduler_config.json unet/config.json onnx/unet/model.onnx onnx/unet/model.onnx_data onnx/vae_decoder/model.onnx onnx/text_encoder/model.onnx unet/model.safetensors",
        "model_index.json tokenizer/vocab.json scheduler/scheduler_config.json unet/config.json onnx/unet/model.onnx onnx/unet/model.onnx_data onnx/vae_decoder/model.onnx onnx/text_encoder/model.onnx");

    [Fact]
    public void The_variant_asked_for_comes_with_its_own_weights() => AssertChosen(
        "unet/model.onnx unet/model.onnx_data unet/model_fp16.onnx unet/model_fp16.onnx_data vae_decoder/model.onnx",
        "unet/model_fp16.onnx unet/model_fp16.onnx_data vae_decoder/model.onnx",
        "fp16");

    [Fact]
    public void Without_a_variant_the_plain_network_is_taken() => AssertChosen(
        "unet/model.onnx unet/model.onnx_data unet/model_fp16.onnx unet/model_fp16.onnx_data", "unet/model.onnx unet/model.onnx_data");

    [Fact]
    public void The_only_variant_there_is_needs_no_asking() => AssertChosen("transformer/model_q4.onnx transformer/model_q4.onnx_data", "transformer/model_q4.onnx transformer/model_q4.onnx_data");

    [Fact]
    public void Several_variants_without_a_plain_one_are_listed()
    {
        var error = Assert.Throws<RequestException>(() => Choose("unet/model_fp16.onnx unet/model_quantized.onnx", null));
        Assert.Contains("--variant fp16|quantized", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_variant_that_no_part_has_is_refused_with_those_there_are()
    {
        var error = Assert.Throws<RequestException>(() => Choose("unet/model.onnx unet/model_fp16.onnx vae_decoder/model.onnx vae_decoder/model_quantized.onnx", "fp61"));
        Assert.Equal("--variant fp61: a/b has fp16, quantized; give one of these, or leave it out.", error.Message);
    }

    [Fact]
    public void Further_files_are_taken_by_pattern()
    {
        var listing = Listing("unet/model.onnx loras/a.safetensors loras/b.txt");
        Assert.Equal(["unet/model.onnx", "loras/a.safetensors"], PullSelection.Choose(listing, null, ["loras/*.safetensors"]).Files.Select(file => file.Path));
        Assert.Throws<RequestException>(() => PullSelection.Choose(listing, null, ["nothing/*"]));
    }

    private static void AssertChosen(string files, string expected, string? variant = null) =>
        Assert.Equal(Split(expected).Order(StringComparer.Ordinal), Choose(files, variant).Order(StringComparer.Ordinal));

    private static IEnumerable<string> Choose(string files, string? variant) => PullSelection.Choose(Listing(files), variant, []).Files.Select(file => file.Path);

    private static HubListing Listing(string files) =>
        new(HubName.Parse("a/b"), new string('a', 40), [.. Split(files).Select(path => new HubFile(path, 1, new string('0', 40)))]);

    private static string[] Split(string files) => files.Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);
}

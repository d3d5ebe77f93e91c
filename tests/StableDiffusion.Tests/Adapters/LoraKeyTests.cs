namespace StableDiffusion.Tests;

/// <summary>Names as kohya's sd-scripts, PEFT 0.21, diffusers 0.39 and diffusers before PEFT write them.</summary>
public sealed class LoraKeyTests
{
    [Theory]
    [InlineData("lora_unet_down_blocks_0_resnets_0_conv1.lora_down.weight", "denoiser", "down_blocks_0_resnets_0_conv1", "Down")]
    [InlineData("lora_unet_down_blocks_0_resnets_0_conv1.lora_up.weight", "denoiser", "down_blocks_0_resnets_0_conv1", "Up")]
    [InlineData("lora_unet_input_blocks_4_1_proj_in.alpha", "denoiser", "input_blocks_4_1_proj_in", "Alpha")]
    [InlineData("lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", "text_encoder", "text_model_encoder_layers_0_mlp_fc1", "Down")]
    [InlineData("lora_te1_text_model_encoder_layers_0_mlp_fc1.alpha", "text_encoder", "text_model_encoder_layers_0_mlp_fc1", "Alpha")]
    [InlineData("lora_te2_text_projection.lora_up.weight", "text_encoder_2", "text_projection", "Up")]
    [InlineData("unet.mid_block.attentions.0.proj_in.lora_A.weight", "denoiser", "mid_block_attentions_0_proj_in", "Down")]
    [InlineData("unet.mid_block.attentions.0.proj_in.lora_B.default.weight", "denoiser", "mid_block_attentions_0_proj_in", "Up")]
    [InlineData("transformer.transformer_blocks.0.attn.to_q.lora_A.weight", "denoiser", "transformer_blocks_0_attn_to_q", "Down")]
    [InlineData("base_model.model.conv_in.lora_A.weight", null, "conv_in", "Down")]
    [InlineData("conv_in.lora_B.weight", null, "conv_in", "Up")]
    [InlineData("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.lora.down.weight", "denoiser", "down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q", "Down")]
    [InlineData("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora.up.weight", "denoiser", "down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_out_0", "Up")]
    [InlineData("text_encoder_2.text_model.encoder.layers.1.self_attn.q_proj.lora_linear_layer.down.weight", "text_encoder_2", "text_model_encoder_layers_1_self_attn_q_proj", "Down")]
    [InlineData("lora_unet_conv_in.hada_w1_a", "denoiser", "conv_in", "OtherKind")]
    [InlineData("unet.conv_in.lora_magnitude_vector", "denoiser", "conv_in", "OtherKind")]
    [InlineData("lora_unet_conv_in.dora_scale", "denoiser", "conv_in", "OtherKind")]
    [InlineData("unet.conv_in.lora_B.bias", "denoiser", "conv_in", "OtherKind")]
    [InlineData("base_model.model.conv_in.lora_B.bias", null, "conv_in", "OtherKind")]
    public void Every_naming_is_taken_apart(string name, string? network, string module, string part)
    {
        var key = LoraKey.Parse(name);

        Assert.Equal(new LoraKey(new LoraModule(network, module), Enum.Parse<LoraPart>(part)), key);
    }

    [Theory]
    [InlineData("emb_params")]
    [InlineData("model.diffusion_model.input_blocks.0.0.weight")]
    [InlineData("lora_unet_conv_in.bias")]
    public void Other_names_are_of_no_LoRA(string name) => Assert.Null(LoraKey.Parse(name));
}
